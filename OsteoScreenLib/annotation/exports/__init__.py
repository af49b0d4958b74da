"""A dataset in other people's formats: nnU-Net, MONAI's Decathlon lists, COCO, BIDS; each in its file."""
