// What one does on the canvas by mouse or finger: add, undo, zoom, and what is selected.
import { useReactFlow, useStore } from '@xyflow/react';
import type { ReactNode } from 'react';
import { Icon } from '../../app/ui/Icon';
import { AddBlock } from '../document/AddBlock';
import { usePageT, type PageKey } from '../messages';
import { usePage } from '../model/session';
import { startBlock } from '../model/starters';
import { useActions } from './keys';
import { ToolIcon } from './ToolIcon';

interface CanvasBarProps {
  selected: readonly string[];
  hand: boolean;
  onHand: (hand: boolean) => void;
  onAdded: (id: string) => void;
  middle: () => { x: number; y: number };
}

export function CanvasBar({ selected, hand, onHand, onAdded, middle }: CanvasBarProps) {
  const t = usePageT();
  const page = usePage();
  const flow = useReactFlow();
  const zoom = useStore((state) => Math.round(state.transform[2] * 100));
  const actions = useActions(selected);
  return (
    <div className="canvas-bar" role="toolbar" aria-label={t('canvasTools')}>
      <Tool
        name="selectTool"
        isOn={!hand}
        run={() => {
          onHand(false);
        }}
      >
        <ToolIcon name="select" />
      </Tool>
      <Tool
        name="handTool"
        isOn={hand}
        run={() => {
          onHand(true);
        }}
      >
        <ToolIcon name="hand" />
      </Tool>
      {page.canWrite && (
        <>
          <AddBlock
            className="canvas-add"
            label={t('add')}
            onAdd={(type) => {
              onAdded(startBlock(page, type, t, { place: middle() }));
            }}
          />
          <Tool
            name="undo"
            run={() => {
              page.undo.undo();
            }}
          >
            <Icon name="undo" />
          </Tool>
          <Tool
            name="redo"
            run={() => {
              page.undo.redo();
            }}
          >
            <ToolIcon name="redo" />
          </Tool>
        </>
      )}
      {page.canWrite && selected.length > 0 && (
        <>
          <span className="bar-gap" />
          <Tool
            name="bringFront"
            run={() => {
              actions.stack('front');
            }}
          >
            <ToolIcon name="front" />
          </Tool>
          <Tool
            name="sendBack"
            run={() => {
              actions.stack('back');
            }}
          >
            <ToolIcon name="back" />
          </Tool>
          <Tool
            name="duplicate"
            run={() => {
              actions.duplicate();
            }}
          >
            <Icon name="copy" />
          </Tool>
          <Tool name="deleteBlock" run={actions.remove}>
            <Icon name="trash" />
          </Tool>
        </>
      )}
      <span className="bar-gap" />
      <Tool name="zoomOut" run={() => void flow.zoomOut()}>
        <ToolIcon name="minus" />
      </Tool>
      <button
        type="button"
        className="button plain small zoom"
        title={t('fitView')}
        onClick={() => void flow.fitView({ maxZoom: 1, padding: 0.1 })}
      >
        {zoom} %
      </button>
      <Tool name="zoomIn" run={() => void flow.zoomIn()}>
        <Icon name="plus" />
      </Tool>
    </div>
  );
}

interface ToolProps {
  name: PageKey;
  isOn?: boolean;
  run: () => void;
  children: ReactNode;
}

function Tool({ name, isOn, run, children }: ToolProps) {
  const t = usePageT();
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={t(name)}
      title={t(name)}
      aria-pressed={isOn}
      onClick={run}
    >
      {children}
    </button>
  );
}
