// Maps numbers between the smallest and the largest to shares between 0 and 1, logarithmically.

import { humane } from "../base/text.js";

export class LogScale {
  constructor([low, high]) {
    Object.assign(this, {low, high});
  }

  share(value) {
    if (value <= this.low) return 0;
    return this.high > this.low ? Math.min(1, Math.log(value / this.low) / Math.log(this.high / this.low)) : 1;
  }

  // The numbers between two shares. A number below the smallest, such as 0, belongs to the lower end.
  range(first, last) {
    const at = (share) => Number((this.low * (this.high / this.low) ** share).toPrecision(3));
    return [first <= 0 ? 0 : at(first), last >= 1 ? this.high : at(last)];
  }

  // [{share, text}]: at most a few powers of ten, or the ends if there are fewer than two.
  ticks(most = 5) {
    const [first, last] = [this.low, this.high].map((value) => Math.log10(value) + 1e-9);
    const step = Math.max(1, Math.ceil((last - first) / most));
    const found = [];
    for (let k = Math.ceil(first - 2e-9); k <= last; k += step) found.push(10 ** k);
    const values = found.length > 1 ? found : [...new Set([this.low, this.high])];
    return values.map((value) => ({share: this.share(value), text: humane(value)}));
  }
}
