// The words of a message, with their marks. Raw HTML in them stays words, and addresses lead to the web or to mail only.
import { mentions } from '@ionflux/client';
import { createContext, Fragment, memo, useContext, useMemo, type ReactNode } from 'react';
import ReactMarkdown, { type Components } from 'react-markdown';
import remarkGfm from 'remark-gfm';

const MENTION = 'mention:';
const CODE = /(```[\s\S]*?(?:```|$)|`[^`\n]*`)/;
const COMPONENTS: Components = {
  a: ({ href, children }) =>
    href?.startsWith(MENTION) ? (
      <Mention target={href.slice(MENTION.length)}>{children}</Mention>
    ) : (
      <a href={href} target="_blank" rel="noreferrer noopener">
        {children}
      </a>
    ),
  // A picture would be fetched from wherever its author says: it is a link, like any other address.
  img: ({ src, alt }) => (
    <a href={typeof src === 'string' ? src : undefined} target="_blank" rel="noreferrer noopener">
      {alt ?? src}
    </a>
  ),
  h1: ({ children }) => <p className="markdown-heading">{children}</p>,
  h2: ({ children }) => <p className="markdown-heading">{children}</p>,
  h3: ({ children }) => <p className="markdown-heading">{children}</p>,
  table: ({ children }) => (
    <div className="markdown-table">
      <table>{children}</table>
    </div>
  ),
};
const PLUGINS = [remarkGfm];

interface WordsProps {
  text: string;
}

/** Who looks: mentions of them stand out. */
export const ReaderContext = createContext('');

/** Words with marks. */
export const Markdown = memo(function Markdown({ text }: WordsProps) {
  const source = useMemo(() => withMentions(text), [text]);
  return (
    <div className="markdown">
      <ReactMarkdown components={COMPONENTS} remarkPlugins={PLUGINS} urlTransform={safeAddress}>
        {source}
      </ReactMarkdown>
    </div>
  );
});

/** Words as they are, but for mentions. */
export const PlainText = memo(function PlainText({ text }: WordsProps) {
  return (
    <p className="plain-text">
      {mentions.splitMentions(text).map((piece, index) =>
        piece.target === undefined ? (
          <Fragment key={index}>{piece.text}</Fragment>
        ) : (
          <Mention key={index} target={piece.target}>
            {piece.text}
          </Mention>
        ),
      )}
    </p>
  );
});

function Mention({ target, children }: { target: string; children: ReactNode }) {
  const isMe = target === useContext(ReaderContext) || target === mentions.EVERYBODY;
  return (
    <span className={isMe ? 'mention me' : 'mention'} data-kind={target.split(':')[0]}>
      {children}
    </span>
  );
}

/** Return Markdown in which mentions, but for those in code, are links of our own. */
function withMentions(text: string): string {
  return text
    .split(CODE)
    .map((part, index) => (index % 2 === 1 ? part : linked(part)))
    .join('');
}

function linked(text: string): string {
  return mentions
    .splitMentions(text)
    .map((piece) => (piece.target === undefined ? piece.text : `[${piece.text}](${MENTION}${piece.target})`))
    .join('');
}

function safeAddress(url: string): string | undefined {
  return /^(https?:|mailto:|mention:(channel$|(user|agent):[0-9a-f-]{36}$))/i.test(url) ? url : undefined;
}
