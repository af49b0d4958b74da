// What a browser alone can do: take dropped and chosen files and send them.
window.osteoscreen = { choose() {} };
