// Orders the rows of the table: every group above its contents, in the order of the flow, then modules never called.

const FOLDED = 2;

export class TableRows {
  constructor(scene) {
    const {nodes, groups} = scene.geometry;
    this.scene = scene;
    this.ids = {nodes: nodes.ids, groups: groups.ids, unreached: scene.unreached.ids};
    // Nodes are counted first, then modules never called, as in the flags of a search, then groups.
    this.firstUnreached = nodes.ids.length;
    this.firstGroup = this.firstUnreached + this.ids.unreached.length;
    this.length = this.firstGroup + groups.ids.length;
    for (const name of ["items", "levels", "outer", "ends"]) this[name] = new Int32Array(this.length);
    this.build(nodes.group, groups.parent);
    this.rowOf = new Map();
    // A group may have the name of one of its ops, which then stands for it.
    for (let row = this.length - 1; row >= 0; row--) {
      if (!this.rowOf.has(this.id(row)) || this.kind(row) === "nodes") this.rowOf.set(this.id(row), row);
    }
  }

  build(groupOf, parents) {
    const inside = parents.map(() => []);
    const roots = [];
    const seen = new Uint8Array(parents.length);
    groupOf.forEach((innermost, node) => {
      let item = node;
      for (let group = innermost; ; group = parents[group]) {
        (group < 0 ? roots : inside[group]).push(item);
        if (group < 0 || seen[group]) return;
        seen[group] = 1;
        item = this.firstGroup + group;
      }
    });
    for (let item = this.firstUnreached; item < this.firstGroup; item++) roots.push(item);
    let row = 0;
    const visit = (item, level, outer) => {
      const at = row++;
      [this.items[at], this.levels[at], this.outer[at]] = [item, level, outer];
      for (const inner of inside[item - this.firstGroup] ?? []) visit(inner, level + 1, at);
      this.ends[at] = row;
    };
    for (const item of roots) visit(item, 0, -1);
    // A group without an op has no row.
    this.length = row;
  }

  kind(row) {
    const item = this.items[row];
    return item < this.firstUnreached ? "nodes" : item < this.firstGroup ? "unreached" : "groups";
  }

  // The place among the things of its kind.
  index(row) {
    const item = this.items[row];
    return item < this.firstUnreached ? item : item - (item < this.firstGroup ? this.firstUnreached : this.firstGroup);
  }

  id(row) {
    return this.ids[this.kind(row)][this.index(row)];
  }

  isFolded(row, state) {
    const group = this.items[row] - this.firstGroup;
    return group >= 0 && state[group] === FOLDED;
  }

  // The rest of a path without that of a group around it.
  name(row) {
    const id = this.id(row);
    for (let outer = this.outer[row]; outer >= 0; outer = this.outer[outer]) {
      const start = startOf(this.scene.groups.path[this.index(outer)]);
      const rest = id.slice(start.length);
      if (start === "" || !id.startsWith(start)) continue;
      if (/[.:]$/.test(start)) return rest;
      if (/^[.:]./.test(rest)) return rest.slice(1);
    }
    return id;
  }

  // Rows as a tree, without the contents of folded groups. A search shows all that it finds, and the groups around.
  // state: of each group, as in `Geometry`; found: null, or whether a search or a filter keeps a row that is not a group.
  tree(state, found) {
    const shown = [];
    if (found === null) {
      for (let row = 0; row < this.length; row = this.isFolded(row, state) ? this.ends[row] : row + 1) shown.push(row);
      return shown;
    }
    const kept = new Uint8Array(this.length);
    for (let row = this.length - 1; row >= 0; row--) {
      if (this.kind(row) !== "groups" && found(row)) kept[row] = 1;
      if (kept[row] && this.outer[row] >= 0) kept[this.outer[row]] = 1;
    }
    kept.forEach((keep, row) => { if (keep) shown.push(row); });
    return shown;
  }

  // Rows by a value: only those that stand for a box, since the sums of an open group would stand beside their parts.
  sorted(rows, state, value, descending) {
    const boxes = rows.filter((row) => this.kind(row) !== "groups" || this.isFolded(row, state)).map((row) => ({row, of: value(row)}));
    const isUnknown = ({of}) => of === null || of === "";
    const known = boxes.filter((box) => !isUnknown(box));
    const sign = descending ? -1 : 1;
    const compare = typeof known[0]?.of === "string"
      ? (a, b) => a.of.localeCompare(b.of, undefined, {numeric: true})
      : (a, b) => a.of - b.of;
    known.sort((a, b) => sign * compare(a, b) || a.row - b.row);
    return [...known, ...boxes.filter(isUnknown)].map(({row}) => row);
  }
}

// The beginning of all paths in a group: its own path, or the common part of those in a run.
function startOf(path) {
  const range = path.indexOf("..");
  if (range < 0) return path;
  const common = path.slice(0, range);
  return common.slice(0, Math.max(common.lastIndexOf("."), common.lastIndexOf(":")) + 1);
}
