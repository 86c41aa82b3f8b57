"use strict";
// Dropping files on the form, and saying what was chosen. Without this the form works all the same.
const form = document.getElementById("upload");
if (form) {
  const files = document.getElementById("files");
  const folder = document.getElementById("folder");
  const chosen = document.getElementById("chosen");
  const say = () => {
    const names = [...files.files, ...folder.files].map((file) => file.webkitRelativePath || file.name);
    const more = names.length > 8 ? ` and ${names.length - 8} more` : "";
    chosen.textContent = names.length ? `Chosen: ${names.slice(0, 8).join(", ")}${more}` : "";
  };
  files.addEventListener("change", say);
  folder.addEventListener("change", say);
  for (const name of ["dragover", "dragenter"]) {
    form.addEventListener(name, (event) => { event.preventDefault(); form.classList.add("over"); });
  }
  form.addEventListener("dragleave", () => form.classList.remove("over"));
  const read = (entry, path, into) => new Promise((done) => {
    if (entry.isFile) {
      entry.file((file) => { into.push(new File([file], path + file.name, { type: file.type })); done(); }, done);
    } else {
      const reader = entry.createReader();
      const next = () => reader.readEntries(async (entries) => {
        if (!entries.length) { done(); return; }
        for (const inner of entries) { await read(inner, `${path}${entry.name}/`, into); }
        next();
      }, done);
      next();
    }
  });
  form.addEventListener("drop", async (event) => {
    event.preventDefault();
    form.classList.remove("over");
    const items = [...event.dataTransfer.items].filter((item) => item.kind === "file");
    const dropped = items.map((item) => [item.webkitGetAsEntry(), item.getAsFile()]);  // now or never
    const found = [];
    for (const [entry, file] of dropped) {
      if (entry) { await read(entry, "", found); } else { found.push(file); }
    }
    const transfer = new DataTransfer();
    found.forEach((file) => transfer.items.add(file));
    files.files = transfer.files;
    say();
  });
}
