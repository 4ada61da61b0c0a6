// The dots below the blocks. They are drawn once for each zoom, and moved while one pans: to draw them anew in every
// frame would cost more than all blocks.
import { useStore } from '@xyflow/react';

const GAP = 24;

export function Dots() {
  const [x, y, zoom] = useStore((state) => state.transform);
  const gap = GAP * zoom;
  return (
    <div
      className="canvas-dots"
      aria-hidden="true"
      style={{
        backgroundSize: `${gap}px ${gap}px`,
        transform: `translate(${x % gap}px, ${y % gap}px)`,
      }}
    />
  );
}
