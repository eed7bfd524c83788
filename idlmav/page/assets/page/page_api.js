// window.idlmav: one object for each dashboard in the page, for pages that embed it and for tests.

import { missingNames } from "../base/bokeh_private.js";

const OPENED = "idlmav-opened";

export function publish(dashboard) {
  const list = (window.idlmav ??= []);
  const {store, graph, geometry, table} = dashboard;
  // Panel's Pyodide page removes the dashboard that it replaces from the page without closing it in Bokeh.
  window.dispatchEvent(new Event(OPENED));
  const place = placeOf(dashboard.container);
  const closeIfReplaced = () => { if (place?.isConnected && !dashboard.container.isConnected) dashboard.close(); };
  window.addEventListener(OPENED, closeIfReplaced);
  const api = {
    get state() {
      return store.copy();
    },
    nodes: () => nodesOnScreen(dashboard),
    edges: () => edgesOnScreen(dashboard),
    rows: () => table?.visibleIds() ?? [],
    select: (id) => dashboard.select(id),
    fold: (id) => dashboard.folding.toggle(id, true),
    unfold: (id) => dashboard.folding.toggle(id, false),
    fold_all: () => dashboard.folding.toDepth(0),
    unfold_all: () => dashboard.folding.set([]),
    unfold_to: (depth) => dashboard.folding.toDepth(depth),
    reveal: (id) => dashboard.folding.reveal(id),
    search: (text) => store.set({query: text}, "page"),
    highlight: (names) => store.set({highlighted: [...names]}, "page"),
    get matches() {
      return dashboard.appearance.steps && [...dashboard.appearance.steps];
    },
    next: () => dashboard.filtering.step(1),
    previous: () => dashboard.filtering.step(-1),
    fit: () => {
      dashboard.lead("graph");
      graph.fit();
    },
    // What this page has looked for in vain in Bokeh, Panel and Tabulator.
    get missing_names() {
      return missingNames();
    },
    ready: dashboard.ready,
    get node_count() {
      return geometry.nodeIds.length;
    },
  };
  list.push(api);
  return () => {
    window.removeEventListener(OPENED, closeIfReplaced);
    const at = list.indexOf(api);
    if (at >= 0) list.splice(at, 1);
  };
}

// The element of the page in which Bokeh draws the dashboard.
function placeOf(element) {
  const {host} = element.getRootNode();
  return element.closest("[data-root-id]") ?? (host ? placeOf(host) : null);
}

function nodesOnScreen({graph, geometry, appearance}) {
  const {nodes, groups} = graph.visible ?? {nodes: [], groups: []};
  const {scene: {nodes: ops, groups: modules}} = geometry;
  const box = (place, values) => ({id: geometry.idOf(place), ...values, ...graph.toPage(geometry.rect(place))});
  const ofGroup = (index) => box({group: true, index}, {
    path: modules.path[index], op: "", kind: "group", folded: geometry.groups.state[index] === 2,
    color: appearance.coloring.group(index)?.fill ?? appearance.theme.group,
  });
  const ofNode = (index) => box({group: false, index}, {
    path: ops.path[index], op: ops.op[index], kind: ops.kind[index], folded: false, color: appearance.coloring.node(index).fill,
  });
  const [left, right, top, bottom] = graph.viewport;
  const window = graph.toPage({x: left, y: top, w: right - left, h: bottom - top});
  const isIn = ({x, y, width, height}) =>
    x + width > window.x && x < window.x + window.width && y + height > window.y && y < window.y + window.height;
  return [...groups.map(ofGroup), ...nodes.map(ofNode)].filter(isIn);
}

function edgesOnScreen({graph, geometry}) {
  return (graph.visible?.edges ?? []).map((k) => {
    const {source, target, xs, ys} = geometry.edges[k];
    const polyline = Array.from(xs, (x, i) => graph.toPage({x, y: ys[i], w: 0, h: 0})).map(({x, y}) => [x, y]);
    return {source: geometry.idOf(source), target: geometry.idOf(target), polyline};
  });
}
