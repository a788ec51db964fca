// Bytes, rates and times in human units. Used by upload.js.

const UNITS = ["kB", "MB", "GB", "TB", "PB"];
const SECONDS = 10;

// As in the filter of the templates (`ingest.pages.formats`).
export function inUnits(bytes) {
  if (bytes < 1000) return bytes === 1 ? "1 byte" : `${bytes} bytes`;
  const power = Math.min(Math.floor(Math.log10(bytes) / 3), UNITS.length);
  const number = bytes / 1000 ** power;
  return `${number.toFixed(number < 10 ? 1 : 0)} ${UNITS[power - 1]}`;
}

// The rate of the last seconds.
export class Rate {
  #seen = [];

  // Returns rate and remaining time as the end of a sentence; empty in the first second.
  text(sent, total) {
    const now = performance.now() / 1000;
    this.#seen = [...this.#seen.filter(([time]) => now - time < SECONDS), [now, sent]];
    const [time, before] = this.#seen[0];
    const rate = (sent - before) / (now - time);
    if (now - time < 1 || rate <= 0) return "";
    return `: ${inUnits(Math.round(rate))}/s, ${duration((total - sent) / rate)} left`;
  }
}

function duration(seconds) {
  if (seconds < 90) return `${Math.ceil(seconds)} seconds`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} minutes`;
  return `${Math.round(seconds / 3600)} hours`;
}
