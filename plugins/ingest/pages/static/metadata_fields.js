// The fields of the upload form for metadata: the transaction, and pairs of a key and a value. Used by upload.js.

const VALUES = ["submitter", "project", "instrument"];
const pairs = document.getElementById("upload-pairs");

export function addPair() {
  pairs.append(document.getElementById("upload-pair").content.cloneNode(true));
  pairs.lastElementChild.querySelector("input").focus();
}

// Returns the entries of metadata.txt that do not describe files.
export function transactionEntries(form) {
  return [...VALUES.map((name) => valueEntry(name, form.elements[name].value.trim())), ...pairEntries()];
}

function valueEntry(name, text) {
  // The IDs of submitters and instruments are numbers; that of a project is a text.
  const isNumber = name !== "project" && /^\d{1,15}$/.test(text);
  return { destinationTable: `Transactions.${name}`, value: isNumber ? Number(text) : text };
}

function pairEntries() {
  const texts = [...pairs.children].map((row) => [...row.querySelectorAll("input")].map((input) => input.value.trim()));
  const filled = texts.filter(([key, value]) => key || value);
  return filled.map(([key, value]) => ({ destinationTable: "TransactionKeyValue", key, value }));
}
