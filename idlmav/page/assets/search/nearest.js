// Suggestions for misspelt words.

// Return " Did you mean 'flops'?", or "" if no known word is near.
export function nearest(word, known) {
  const wanted = word.toLowerCase();
  let [best, least] = ["", 1 + Math.floor(wanted.length / 3)];
  for (const name of known) {
    const found = distance(wanted, name.toLowerCase());
    if (found < least || (found === least && best === "")) [best, least] = [name, found];
  }
  return best === "" ? "" : ` Did you mean '${best}'?`;
}

// Number of letters to change, add or leave out (Levenshtein).
function distance(a, b) {
  let row = Array.from({length: b.length + 1}, (_, k) => k);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let k = 1; k <= b.length; k++) {
      next[k] = Math.min(row[k] + 1, next[k - 1] + 1, row[k - 1] + (a[i - 1] === b[k - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}
