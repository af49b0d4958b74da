// What a browser alone can do: take dropped and chosen files and send them, load files, and listen to keys.
(() => {
  const state = (values) => window.trame.state.update(values);
  const limit = () => window.trame.state.get("upload_limit");

  function send(files, kind) {
    if (!files.length) return;
    const size = files.reduce((sum, file) => sum + file.size, 0);
    if (size > limit()) {
      const gib = (bytes) => (bytes / 2 ** 30).toFixed(1);
      state({ error: `That is ${gib(size)} GiB; at most ${gib(limit())} GiB can be sent. Open it by its path: osteoscreen view PATH` });
      return;
    }
    const body = new FormData();
    files.forEach((file) => body.append("files", file, file.name));
    const request = new XMLHttpRequest();
    request.upload.onprogress = (event) => state({ uploaded: (100 * event.loaded) / event.total });
    request.onloadend = () => {
      const failed = request.status ? request.responseText : "The files could not be sent; is osteoscreen view still running?";
      state({ uploaded: 0, ...(request.status === 200 ? {} : { error: failed.trim() || `The files were refused (${request.status}).` }) });
    };
    request.open("POST", `upload/${kind}`);
    request.send(body);
  }

  function choose(event) {
    const kind = event.target.closest?.("[data-choose]")?.dataset.choose;
    if (!kind) return;
    const input = document.createElement("input");
    Object.assign(input, { type: "file", multiple: kind === "ct" });
    input.onchange = () => send([...input.files], kind);
    input.click();
  }

  function entryFiles(entry) {
    if (entry.isFile) return new Promise((done, failed) => entry.file((file) => done([file]), failed));
    const reader = entry.createReader();
    const read = (found) => new Promise((done, failed) => reader.readEntries(done, failed))
      .then((more) => (more.length ? read([...found, ...more]) : Promise.all(found.map(entryFiles))))
    return read([]).then((lists) => lists.flat ? lists.flat() : lists);
  }

  function drop(event) {
    event.preventDefault();
    document.body.classList.remove("dropping");
    const items = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    if (items.length) Promise.all(items.map(entryFiles)).then((lists) => send(lists.flat(), "ct"));
    else send([...event.dataTransfer.files], "ct");
  }

  function load(address) {
    const link = Object.assign(document.createElement("a"), { href: address, download: "" });
    document.body.append(link);
    link.click();
    link.remove();
  }

  function key(event) {
    const typing = event.target.closest?.("input:not([type=checkbox]):not([type=range]), textarea, [role=listbox]");
    if (typing || event.altKey || event.metaKey) return;
    const name = (event.ctrlKey ? "ctrl+" : "") + event.key.toLowerCase();
    if (!(window.trame?.state.get("shortcuts") || []).includes(name)) return;
    event.preventDefault();
    window.trame.trigger("shortcut", [name]);
  }

  function watchDownloads() {
    if (!window.trame?.state?.watch) return setTimeout(watchDownloads, 100);
    let before = window.trame.state.get("download");
    window.trame.state.watch(["download"], (address) => {
      if (address && address !== before) load(address);
      before = address;
    });
  }

  watchDownloads();
  addEventListener("click", choose);
  addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("dropping"); });
  addEventListener("dragleave", (event) => event.relatedTarget || document.body.classList.remove("dropping"));
  addEventListener("drop", drop);
  addEventListener("keydown", key);
})();
