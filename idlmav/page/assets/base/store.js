// Holds the state of one dashboard: views read it, change it through set(), and are called once for every change.

export class Store {
  constructor(values) {
    this.values = {...values};
    this.listeners = [];
  }

  get(name) {
    return this.values[name];
  }

  // origin names the view that made the change, so that it need not follow itself.
  set(patch, origin) {
    const changed = new Set(Object.keys(patch).filter((name) => !same(this.values[name], patch[name])));
    if (changed.size === 0) return;
    Object.assign(this.values, patch);
    for (const listener of this.listeners) listener(changed, origin);
  }

  subscribe(listener) {
    this.listeners.push(listener);
  }

  copy() {
    return structuredClone(this.values);
  }
}

export function same(a, b) {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((value, i) => Object.is(value, b[i]));
  }
  return Object.is(a, b);
}
