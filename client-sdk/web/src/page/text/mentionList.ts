// The list that opens behind an `@`: people, agents and pages, chosen by the keyboard or a click.
import type { SuggestionOptions, SuggestionProps } from '@tiptap/suggestion';
import type { Named } from '../model/names';

const MOST = 8;

/** `listed` gives whom one may mention by the time somebody is looked for. */
export function mentionList(listed: () => readonly Named[]): Partial<SuggestionOptions<Named>> {
  return {
    char: '@',
    items: ({ query }) => {
      const wanted = query.toLowerCase();
      const fitting = listed().filter(
        ({ kind, label }) => kind !== 'brand' && label.toLowerCase().includes(wanted),
      );
      return fitting.slice(0, MOST);
    },
    command: ({ editor, range, props }) => {
      const { id, kind, label } = props as Named;
      const attrs = { id, kind, label, mentionSuggestionChar: '@' };
      const content = [
        { type: 'mention', attrs },
        { type: 'text', text: ' ' },
      ];
      editor.chain().focus().insertContentAt(range, content).run();
    },
    render: () => {
      const list = new MentionList();
      return {
        onStart: (props) => {
          list.show(props);
        },
        onUpdate: (props) => {
          list.show(props);
        },
        onKeyDown: ({ event }) => list.key(event.key),
        onExit: () => {
          list.close();
        },
      };
    },
  };
}

class MentionList {
  private readonly box = document.createElement('ul');
  private props: SuggestionProps<Named> | null = null;
  private at = 0;

  constructor() {
    this.box.className = 'mention-list';
    this.box.setAttribute('role', 'listbox');
  }

  show(props: SuggestionProps<Named>): void {
    this.props = props;
    this.at = Math.min(this.at, Math.max(0, props.items.length - 1));
    if (!this.box.isConnected) document.body.append(this.box);
    this.draw();
    const place = props.clientRect?.();
    if (!place) return;
    this.box.style.left = `${Math.min(place.left, window.innerWidth - 260)}px`;
    this.box.style.top = `${Math.min(place.bottom + 4, window.innerHeight - this.box.offsetHeight - 8)}px`;
  }

  key(key: string): boolean {
    const count = this.props?.items.length ?? 0;
    if (key === 'Escape') {
      this.close();
      return true;
    }
    if (count === 0) return false;
    if (key === 'Enter' || key === 'Tab') return this.choose(this.at);
    if (key !== 'ArrowDown' && key !== 'ArrowUp') return false;
    this.at = (this.at + (key === 'ArrowDown' ? 1 : count - 1)) % count;
    this.draw();
    return true;
  }

  close(): void {
    this.box.remove();
    this.at = 0;
  }

  private choose(index: number): boolean {
    const chosen = this.props?.items[index];
    if (chosen) this.props?.command(chosen);
    return chosen !== undefined;
  }

  private draw(): void {
    const items = this.props?.items ?? [];
    this.box.hidden = items.length === 0;
    this.box.replaceChildren(
      ...items.map((item, index) => {
        const row = document.createElement('li');
        row.setAttribute('role', 'option');
        row.setAttribute('aria-selected', String(index === this.at));
        row.dataset.kind = item.kind;
        row.textContent = item.label;
        row.addEventListener('mousedown', (event) => {
          event.preventDefault();
          this.choose(index);
        });
        return row;
      }),
    );
  }
}
