// The files that a person has chosen: by two inputs (files, a folder), or by dropping them. Used by upload.js.

// Names that macOS adds; they are not uploaded.
const ADDED_BY_MACOS = /(^|\/)(\._[^/]*|\.DS_Store)$/;

// Returns the files of an input, each as an object with a `path` below data/ and a `file`.
export function filesOf(input) {
  return [...input.files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

// Returns the files of a drop, also those in folders.
export async function filesOfDrop(transfer) {
  // Both must be read before the first `await`: the browser then empties the lists. Files without an entry come from a script.
  const files = [...transfer.files];
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  if (entries.length === 0) return files.map((file) => ({ path: file.name, file }));
  return (await Promise.all(entries.map(filesBelow))).flat();
}

// Returns the files in the order of the tar, without those that macOS adds.
export function listed(chosen) {
  return chosen.filter(({ path }) => !ADDED_BY_MACOS.test(path)).sort((one, other) => (one.path < other.path ? -1 : 1));
}

// Returns the path of the first file that can no longer be read; undefined if all can.
export async function firstUnreadable(chosen) {
  for (const { path, file } of chosen) {
    const read = file.slice(0, 1).arrayBuffer();
    if (
      await read.then(
        () => false,
        () => true,
      )
    )
      return path;
  }
}

async function filesBelow(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [{ path: entry.fullPath.replace(/^\//, ""), file }];
  }
  const children = await entriesOf(entry.createReader());
  return (await Promise.all(children.map(filesBelow))).flat();
}

// A reader returns up to a hundred entries at a time, and none at its end.
async function entriesOf(reader) {
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return found;
    found.push(...some);
  }
}
