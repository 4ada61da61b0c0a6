// Where others point on the canvas, with their names.
import { ViewportPortal } from '@xyflow/react';
import type { Peer } from '../model/presence';

export function Pointers({ peers }: { peers: readonly Peer[] }) {
  return (
    <ViewportPortal>
      {peers.map(
        (peer) =>
          peer.pointer && (
            <div
              key={peer.clientId}
              className="pointer"
              style={
                {
                  transform: `translate(${peer.pointer.x}px, ${peer.pointer.y}px)`,
                  '--who': peer.color,
                } as React.CSSProperties
              }
            >
              <svg width="14" height="18" viewBox="0 0 14 18" aria-hidden="true">
                <path d="M1 1v14l4-3.500 2.500 5 2.500-1.200-2.500-5H13z" />
              </svg>
              <span>{peer.name}</span>
            </div>
          ),
      )}
    </ViewportPortal>
  );
}
