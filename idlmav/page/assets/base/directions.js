// Says what the direction of the flow means for the axes.

// Whether the flow runs along x, and whether it runs towards smaller coordinates.
export const isSideways = (direction) => direction === "left" || direction === "right";
export const isReversed = (direction) => direction === "up" || direction === "left";
