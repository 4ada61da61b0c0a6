// A rich text that is only shown: as cheap as a page with hundreds of them needs, and total, unknown nodes included.
import { readRich, type RichMark, type RichNode } from '@ionflux/client';
import { memo, useCallback, useRef, useSyncExternalStore, type ReactNode } from 'react';
import type * as Y from 'yjs';

interface StaticTextProps {
  fragment: Y.XmlFragment | null;
  placeholder?: string | undefined;
}

export const StaticText = memo(function StaticText({ fragment, placeholder }: StaticTextProps) {
  const node = useRich(fragment);
  const isEmpty = !node?.content?.some(
    (child) => child.type !== 'paragraph' || (child.content?.length ?? 0) > 0,
  );
  if (isEmpty) return <div className="prose placeholder">{placeholder}</div>;
  return <div className="prose">{showAll(node)}</div>;
});

export function RichNodes({ node }: { node: RichNode }) {
  return <div className="prose">{showAll(node)}</div>;
}

function useRich(fragment: Y.XmlFragment | null): RichNode | null {
  const known = useRef<{ of: Y.XmlFragment | null; node: RichNode | null }>(null);
  const subscribe = useCallback(
    (listener: () => void) => {
      const changed = () => {
        known.current = null;
        listener();
      };
      fragment?.observeDeep(changed);
      return () => fragment?.unobserveDeep(changed);
    },
    [fragment],
  );
  return useSyncExternalStore(subscribe, () => {
    if (known.current?.of !== fragment)
      known.current = { of: fragment, node: fragment && readRich(fragment) };
    return known.current.node;
  });
}

function showAll(node: RichNode | null): ReactNode[] {
  return (node?.content ?? []).map((child, index) => <Shown key={index} node={child} />);
}

function Shown({ node }: { node: RichNode }): ReactNode {
  const inner = showAll(node);
  switch (node.type) {
    case 'text':
      return (node.marks ?? []).reduce<ReactNode>(marked, node.text);
    case 'paragraph':
      return <p>{inner.length > 0 ? inner : <br />}</p>;
    case 'heading':
      return heading(node.attrs?.level, inner);
    case 'bulletList':
      return <ul>{inner}</ul>;
    case 'orderedList':
      return <ol start={typeof node.attrs?.start === 'number' ? node.attrs.start : 1}>{inner}</ol>;
    case 'listItem':
      return <li>{inner}</li>;
    case 'taskList':
      return <ul data-type="taskList">{inner}</ul>;
    case 'taskItem':
      return (
        <li data-checked={String(node.attrs?.checked === true)}>
          <label>
            <input
              type="checkbox"
              checked={node.attrs?.checked === true}
              readOnly
              tabIndex={-1}
              aria-label=""
            />
          </label>
          <div>{inner}</div>
        </li>
      );
    case 'blockquote':
      return <blockquote>{inner}</blockquote>;
    case 'codeBlock':
      return (
        <pre>
          <code>{inner}</code>
        </pre>
      );
    case 'horizontalRule':
      return <hr />;
    case 'hardBreak':
      return <br />;
    case 'mention':
      return <span className="mention">@{said(node.attrs?.label) || said(node.attrs?.id)}</span>;
    case 'image':
      return <img src={safeSource(node.attrs?.src)} alt={said(node.attrs?.alt)} loading="lazy" />;
    case 'table':
      return (
        <table>
          <tbody>{inner}</tbody>
        </table>
      );
    case 'tableRow':
      return <tr>{inner}</tr>;
    case 'tableHeader':
      return <th>{inner}</th>;
    case 'tableCell':
      return <td>{inner}</td>;
    default:
      return (
        <span className="unknown-node" title={node.type}>
          {inner.length > 0 ? inner : node.type}
        </span>
      );
  }
}

function heading(level: unknown, inner: ReactNode[]): ReactNode {
  if (level === 1) return <h1>{inner}</h1>;
  if (level === 2) return <h2>{inner}</h2>;
  if (level === 3) return <h3>{inner}</h3>;
  return <h4>{inner}</h4>;
}

function marked(inner: ReactNode, mark: RichMark): ReactNode {
  switch (mark.type) {
    case 'bold':
      return <strong>{inner}</strong>;
    case 'italic':
      return <em>{inner}</em>;
    case 'strike':
      return <s>{inner}</s>;
    case 'underline':
      return <u>{inner}</u>;
    case 'code':
      return <code>{inner}</code>;
    case 'highlight':
      return <mark>{inner}</mark>;
    case 'link':
      return (
        <a href={safeLink(mark.attrs?.href)} target="_blank" rel="noopener noreferrer nofollow">
          {inner}
        </a>
      );
    default:
      return inner;
  }
}

function said(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function safeLink(value: unknown): string | undefined {
  const href = said(value);
  return /^(https?:|mailto:|tel:|\/|#)/i.test(href) ? href : undefined;
}

function safeSource(value: unknown): string | undefined {
  const source = said(value);
  return /^(https?:|data:image\/(png|jpeg|gif|webp);|\/)/i.test(source) ? source : undefined;
}
