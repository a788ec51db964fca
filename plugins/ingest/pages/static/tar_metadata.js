// Finds the metadata in a bundle that is already made, so that it can be checked before the bundle is sent. Used by upload.js.
//
// Only headers are read: of a bundle with large files, a small part. What this reader does not understand is left to the
// service, which reads the whole bundle.

const BLOCK = 512;
// How much is read at a time: the headers of some small members, or that of one large member.
const WINDOW = 64 * 1024;
// Of a header that describes the next member; a longer one is read in part.
const LARGEST_DESCRIPTION = 1024 * 1024;
const [CHECKSUM, TYPE, MAGIC_END, PREFIX] = [148, 156, 262, 345];
const METADATA = /^(\.\/)?metadata\.txt$/;
// Types of members: those of files, and of the headers that describe the next member.
const [FILES, FOLDER, RECORDS, LONG_NAME, LONG_LINK] = ["0\0", "5", "x", "L", "K"];

// Returns metadata.txt as a Blob; undefined if it cannot be found. Throws an error for a file that is no bundle.
export async function findMetadata(tar) {
  const read = blockReader(tar);
  let offset = 0;
  let described = {};
  for (;;) {
    const header = await read(offset);
    if (header === undefined) return undefined;
    if (header.every((byte) => byte === 0)) throw new Error(`${tar.name} has no metadata.txt.`);
    if (!hasChecksum(header)) {
      if (offset === 0) throw new Error(`${tar.name} is not an uncompressed tar.`);
      return undefined;
    }
    const type = String.fromCharCode(header[TYPE]);
    const size = described.size ?? number(header.subarray(124, 136));
    const data = tar.slice(offset + BLOCK, offset + BLOCK + size);
    if (FILES.includes(type) && METADATA.test(described.path ?? pathIn(header))) return data;
    described = await describedBy(type, data, described);
    offset += BLOCK + (type === FOLDER ? 0 : Math.ceil(size / BLOCK) * BLOCK);
  }
}

// Returns a function that reads the block at an offset; undefined behind the end.
function blockReader(tar) {
  let [start, window] = [0, new Uint8Array()];
  return async (offset) => {
    if (offset + BLOCK > tar.size) return undefined;
    if (offset < start || offset + BLOCK > start + window.length) {
      start = offset;
      window = new Uint8Array(await tar.slice(offset, offset + WINDOW).arrayBuffer());
    }
    return window.subarray(offset - start, offset - start + BLOCK);
  };
}

// Returns the path and the size that the headers so far state of the next member.
async function describedBy(type, data, described) {
  const description = data.slice(0, LARGEST_DESCRIPTION);
  if (type === LONG_LINK) return described;
  if (type === LONG_NAME) return { ...described, path: (await description.text()).replace(/\0.*$/s, "") };
  if (type !== RECORDS) return {};
  const records = await description.text();
  const value = (key) => new RegExp(`^\\d+ ${key}=(.*)$`, "m").exec(records)?.[1];
  const size = value("size");
  return { path: value("path"), size: size === undefined ? undefined : Number(size) };
}

// The checksum is that of a header whose own field holds spaces.
function hasChecksum(header) {
  const sum = header.reduce((total, byte, at) => total + (at >= CHECKSUM && at < CHECKSUM + 8 ? 32 : byte), 0);
  return sum === number(header.subarray(CHECKSUM, CHECKSUM + 8));
}

// A number is in octal digits, or behind a first byte of 128 in binary form.
function number(field) {
  if (field[0] === 128) return field.subarray(1).reduce((total, byte) => total * 256 + byte, 0);
  return parseInt(text(field).trim() || "0", 8);
}

// Only the format of POSIX has a prefix; GNU's has times in its place.
function pathIn(header) {
  const prefix = header[MAGIC_END] === 0 ? text(header.subarray(PREFIX, PREFIX + 155)) : "";
  const name = text(header.subarray(0, 100));
  return prefix ? `${prefix}/${name}` : name;
}

function text(field) {
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}
