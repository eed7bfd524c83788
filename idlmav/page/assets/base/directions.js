// Says what the direction of the flow means for the axes.

// The values of the state that decide on the layout.
export const FLOW = ["direction", "turn", "latent", "merge_threshold"];

// Whether the flow runs along x, and whether it runs towards smaller coordinates.
export const isSideways = (direction) => direction === "left" || direction === "right";
export const isReversed = (direction) => direction === "up" || direction === "left";
