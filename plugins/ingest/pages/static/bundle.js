// Makes a bundle of files that a person has chosen: docs/reference/bundle-format.md. Used by upload.js.
//
// The tar never lies on the disk or in memory: it is a Blob whose parts are the files themselves and small headers.

const BLOCK = 512;
const RECORD = 20 * BLOCK;
const PIECE = 4 * 1024 * 1024;
// The largest size that the eleven octal digits of a header hold.
const LARGEST_PLAIN_SIZE = 0o77777777777;
const NAME_BYTES = 100;
const METADATA = "metadata.txt";
const text = new TextEncoder();

// Returns the tar, its metadata, and a text that is the same whenever the same files are chosen again.
// `chosen` are objects with a `path` below data/ and a `file`; `hashed` is called with the number of bytes of each step.
export async function makeBundle(chosen, transaction, hashed) {
  const parts = [];
  const entries = [...transaction];
  for (const { path, file } of chosen) {
    const hash = await hashOf(file, path, hashed);
    entries.push(fileEntry(path, file, hash));
    parts.push(...member(`data/${path}`, file, file.lastModified));
  }
  const metadata = `[\n${entries.map((entry) => JSON.stringify(entry)).join(",\n")}\n]\n`;
  const newest = Math.max(...chosen.map(({ file }) => file.lastModified));
  parts.push(...member(METADATA, new Blob([metadata]), newest));
  const size = new Blob(parts).size + 2 * BLOCK;
  parts.push(new Uint8Array(2 * BLOCK + padding(size, RECORD)));
  const hasher = await hashwasm.createSHA256();
  return { tar: new Blob(parts), metadata, fingerprint: hasher.update(metadata).digest() };
}

async function hashOf(file, path, hashed) {
  const hasher = await hashwasm.createSHA256();
  for (let offset = 0; offset < file.size; offset += PIECE) {
    const piece = await readPiece(file, path, offset);
    hasher.update(piece);
    hashed(piece.length);
  }
  return hasher.digest();
}

async function readPiece(file, path, offset) {
  try {
    return new Uint8Array(await file.slice(offset, offset + PIECE).arrayBuffer());
  } catch {
    throw new Error(`${path} cannot be read. If it was changed or removed, choose the files again.`);
  }
}

function fileEntry(path, file, hash) {
  const [folder, name] = split(`data/${path}`);
  const time = new Date(Math.floor(file.lastModified / 1000) * 1000).toISOString().slice(0, 19);
  return {
    destinationTable: "Files",
    name,
    subdir: folder,
    size: file.size,
    hashtype: "sha256",
    hashsum: hash,
    mimetype: file.type || "application/octet-stream",
    mtime: time,
    ctime: time,
  };
}

function split(path) {
  const slash = path.lastIndexOf("/");
  return [path.slice(0, slash), path.slice(slash + 1)];
}

function member(name, blob, milliseconds) {
  const time = Math.max(Math.floor(milliseconds / 1000), 0);
  return [...headers(name, blob.size, time), blob, new Uint8Array(padding(blob.size, BLOCK))];
}

// A header holds a short name in ASCII and a size below 8 GiB; a PAX header before it holds any others. Its size is then 0, as
// other programs write it.
function headers(name, size, time) {
  const records = [];
  if (text.encode(name).length > NAME_BYTES || /[^ -~]/.test(name)) records.push(record("path", name));
  if (size > LARGEST_PLAIN_SIZE) records.push(record("size", size));
  const plainName = name.replace(/[^ -~]/g, "_").slice(-NAME_BYTES);
  const plain = header(plainName, size > LARGEST_PLAIN_SIZE ? 0 : size, time, "0");
  if (records.length === 0) return [plain];
  const extended = text.encode(records.join(""));
  const fill = new Uint8Array(padding(extended.length, BLOCK));
  return [header("././@PaxHeader", extended.length, 0, "x"), extended, fill, plain];
}

// A record of a PAX header begins with its own length, in bytes.
function record(key, value) {
  const rest = ` ${key}=${value}\n`;
  const length = text.encode(rest).length;
  let digits = String(length).length;
  while (String(length + digits).length > digits) digits += 1;
  return `${length + digits}${rest}`;
}

function header(name, size, time, type) {
  const bytes = new Uint8Array(BLOCK);
  const put = (offset, value) => bytes.set(text.encode(value), offset);
  put(0, name);
  put(100, "0000644\0" + "0000000\0" + "0000000\0");
  put(124, `${octal(size)}\0${octal(time)}\0`);
  // The checksum is that of a header whose own field holds spaces.
  put(148, "        ");
  put(156, type);
  put(257, "ustar\x0000");
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  return bytes;
}

function octal(number) {
  return number.toString(8).padStart(11, "0");
}

function padding(size, block) {
  return (block - (size % block)) % block;
}
