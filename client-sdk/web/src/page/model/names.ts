// What people, agents, pages and brands of the workspace are called, for mentions, cards and comments.
import { createContext, useContext, useEffect, useMemo, useState } from 'react';
import type { Rest } from './session';

export interface Named {
  id: string;
  kind: 'user' | 'agent' | 'page' | 'brand';
  label: string;
}

export interface Names {
  all: readonly Named[];
  /** Returns the name of a principal, for instance `user:{id}`. */
  of: (principal: string | null) => string | null;
  /** The same list, for those who ask later: this function is always the same one. */
  latest: () => readonly Named[];
}

const NOBODY: Names = { all: [], of: () => null, latest: () => [] };

export const NamesContext = createContext<Names>(NOBODY);

export function useNames(): Names {
  return useContext(NamesContext);
}

interface Row {
  id?: string;
  user_id?: string;
  name?: string;
  title?: string;
}

export function useLoadedNames(rest: Rest, workspaceId: string): Names {
  const [all, setAll] = useState<readonly Named[]>([]);
  const [book] = useState(() => new NameBook());
  useEffect(() => {
    let isCurrent = true;
    const load = async (path: string, kind: Named['kind']): Promise<Named[]> => {
      try {
        const { items } = await rest.send<{ items: Row[] }>(
          'GET',
          `/v1/workspaces/${workspaceId}/${path}?limit=100`,
        );
        return items.map((row) => ({
          id: row.user_id ?? row.id ?? '',
          kind,
          label: row.name ?? row.title ?? '',
        }));
      } catch {
        return []; // a guest may see none of these; texts say their own labels
      }
    };
    void Promise.all([
      load('members', 'user'),
      load('agents', 'agent'),
      load('pages', 'page'),
      load('brands', 'brand'),
    ]).then((lists) => {
      if (!isCurrent) return;
      book.all = lists.flat();
      setAll(book.all);
    });
    return () => {
      isCurrent = false;
    };
  }, [rest, workspaceId, book]);
  return useMemo(() => {
    const byPrincipal = new Map(all.map((named) => [`${named.kind}:${named.id}`, named.label]));
    return {
      all,
      of: (principal) => (principal === null ? null : (byPrincipal.get(principal) ?? null)),
      latest: book.latest,
    };
  }, [all, book]);
}

class NameBook {
  all: readonly Named[] = [];

  readonly latest = (): readonly Named[] => this.all;
}
