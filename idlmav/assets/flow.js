// Which way the data flows: a page without a kernel holds the layouts of the other directions and turns.

const OF_LAYOUT = ["flow", "geometry", "groups", "tensors", "first_folds"];

// Let a scene show another flow; returns whether it does. With a kernel there are no other flows: Python sends a scene.
export function switchFlow(scene, {direction, turn}) {
  const turned = `${direction} ${turn}`;
  const name = [turned, direction].find((flow) => flow === scene.flow || (scene.flows !== null && flow in scene.flows));
  if (name === undefined || name === scene.flow) return false;
  // The numbers shown belong to the groups of one layout.
  if (scene.compute) {
    scene.nodes.flops = scene.compute.nodes;
    scene.groups.flops = scene.compute.groups;
    delete scene.compute;
  }
  scene.flows[scene.flow] = Object.fromEntries(OF_LAYOUT.map((key) => [key, scene[key]]));
  Object.assign(scene, scene.flows[name]);
  delete scene.flows[name];
  return true;
}

// Which drop-downs have something to choose from.
export function offeredFlows({flows, latent}) {
  const direction = flows === null || Object.keys(flows).length > 0;
  return {direction, turn: direction && latent !== ""};
}
