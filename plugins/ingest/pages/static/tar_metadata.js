// Finds the metadata in a bundle that is already made, so that it can be checked before the bundle is sent. Used by upload.js.
//
// Only headers are read: of a bundle with large files, a small part. What this reader does not understand is left to the
// service, which reads the whole bundle.

const BLOCK = 512;
// How much is read at a time: the headers of some small members, or that of one large member.
const WINDOW = 64 * 1024;
const [CHECKSUM, TYPE] = [148, 156];
const METADATA = /^(\.\/)?metadata\.txt$/;
const SIZE_RECORD = /^\d+ size=(\d+)$/m;

// Returns metadata.txt as a Blob; undefined if it cannot be found. Throws an error for a file that is no bundle.
export async function findMetadata(tar) {
  let [offset, size] = [0, undefined];
  for (const read = blockReader(tar); ; ) {
    const header = await read(offset);
    if (header === undefined) return undefined;
    if (header.every((byte) => byte === 0)) break;
    if (!hasChecksum(header)) {
      if (offset === 0) throw new Error(`${tar.name} is not an uncompressed tar.`);
      return undefined;
    }
    const type = String.fromCharCode(header[TYPE]);
    const length = size ?? number(header.subarray(124, 136));
    const data = tar.slice(offset + BLOCK, offset + BLOCK + length);
    if ("0\0".includes(type) && METADATA.test(text(header.subarray(0, 100)))) return data;
    // An extended header may state the size of the member that follows it.
    if (!"xL".includes(type)) size = undefined;
    if (type === "x") size = sizeIn(await data.text());
    offset += BLOCK + (type === "5" ? 0 : Math.ceil(length / BLOCK) * BLOCK);
  }
  throw new Error(`${tar.name} has no metadata.txt.`);
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

function text(field) {
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

function sizeIn(records) {
  const found = SIZE_RECORD.exec(records);
  return found ? Number(found[1]) : undefined;
}
