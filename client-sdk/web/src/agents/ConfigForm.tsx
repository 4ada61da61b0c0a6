// The settings that people change most, as a form over the YAML. What is not set is as the kind of agent has it.
import { useId, useMemo, type ReactNode } from 'react';
import { useT } from '../app/i18n';
import type { Page } from '../app/model';
import { rowsOf } from '../app/tree/tree';
import { usePages } from '../app/workspace';
import { messages } from './messages';
import type { ConfigFault } from './model';
import { isEditable, valueAt, withValue, type Path } from './yamlEdits';

interface ConfigFormProps {
  workspaceId: string;
  yaml: string;
  onChange: (yaml: string) => void;
  /** What all of it comes to, where the YAML is right. */
  effective: object | null;
  defaults: Record<string, unknown>;
  faults: readonly ConfigFault[];
}

const TASKS = ['chat', 'write', 'summarise', 'plan', 'reason', 'extract', 'classify'];
const ON_BUSY = ['enqueue', 'reject', 'interrupt'];
const APPROVALS = ['auto', 'ask', 'never'];

export function ConfigForm({ workspaceId, yaml, onChange, effective, defaults, faults }: ConfigFormProps) {
  const t = useT(messages);
  const canEdit = isEditable(yaml);
  const tools = stringsIn(
    lookUp(effective ?? defaults, ['tools', 'allowed']) ?? lookUp(defaults, ['tools', 'allowed']),
  );
  const common = (path: Path) => ({
    path,
    canEdit,
    value: valueAt(yaml, path),
    effective: lookUp(effective ?? defaults, path),
    fault: faults.find((one) => one.path === `yaml_config.${path.join('.')}`)?.detail,
    onSet: (value: unknown) => {
      onChange(withValue(yaml, path, value));
    },
  });
  return (
    <div className="config-form">
      <h3>{t('settings')}</h3>
      {!canEdit && <p className="fault-line">{t('form_waits')}</p>}
      <TextSetting label={t('set_instructions')} rows={6} {...common(['instructions'])} />
      <TextSetting label={t('set_more_instructions')} rows={3} {...common(['more_instructions'])} />
      <div className="config-row">
        <TextSetting label={t('set_model')} {...common(['llm', 'model'])} />
        <ChoiceSetting label={t('set_task')} choices={TASKS} {...common(['llm', 'task'])} />
      </div>
      <div className="config-row">
        <NumberSetting label={t('set_max_steps')} {...common(['limits', 'max_steps'])} />
        <NumberSetting label={t('set_max_cost')} {...common(['limits', 'max_cost_usd'])} />
        <ChoiceSetting label={t('set_on_busy')} choices={ON_BUSY} {...common(['limits', 'on_busy'])} />
      </div>
      <PageSetting
        label={t('set_types_into')}
        unset={t('types_nowhere')}
        workspaceId={workspaceId}
        {...common(['types_into'])}
      />
      {tools.length > 0 && (
        <fieldset className="config-tools">
          <legend>{t('set_approvals')}</legend>
          {tools.map((tool) => (
            <ChoiceSetting
              key={tool}
              label={tool}
              isCode
              choices={APPROVALS}
              {...common(['tools', 'approval', tool])}
            />
          ))}
        </fieldset>
      )}
    </div>
  );
}

interface SettingProps {
  label: string;
  path: Path;
  canEdit: boolean;
  /** What the YAML says, and what holds. */
  value: unknown;
  effective: unknown;
  fault: string | undefined;
  onSet: (value: unknown) => void;
  isCode?: boolean;
}

function TextSetting({ rows, value, effective, onSet, ...rest }: SettingProps & { rows?: number }) {
  const shown = typeof value === 'string' ? value : '';
  const placeholder = typeof effective === 'string' ? effective : '';
  const isReference = value !== undefined && value !== null && typeof value !== 'string';
  return (
    <Setting {...rest}>
      {(id) =>
        rows === undefined ? (
          <input
            id={id}
            className="input"
            disabled={!rest.canEdit}
            value={shown}
            placeholder={placeholder}
            onChange={({ target }) => {
              onSet(target.value || undefined);
            }}
          />
        ) : (
          <textarea
            id={id}
            className="input"
            rows={rows}
            disabled={!rest.canEdit || isReference}
            value={isReference ? JSON.stringify(value) : shown}
            placeholder={placeholder}
            onChange={({ target }) => {
              onSet(target.value || undefined);
            }}
          />
        )
      }
    </Setting>
  );
}

function NumberSetting({ value, effective, onSet, ...rest }: SettingProps) {
  return (
    <Setting {...rest}>
      {(id) => (
        <input
          id={id}
          className="input"
          type="number"
          min={0}
          step="any"
          disabled={!rest.canEdit}
          value={typeof value === 'number' ? value : ''}
          placeholder={typeof effective === 'number' ? String(effective) : ''}
          onChange={({ target }) => {
            onSet(Number.isNaN(target.valueAsNumber) ? undefined : target.valueAsNumber);
          }}
        />
      )}
    </Setting>
  );
}

interface ChoiceSettingProps extends SettingProps {
  choices: readonly string[];
  /** What choices are called, where not by themselves; and that nothing is chosen. */
  names?: ReadonlyMap<string, string>;
  unset?: string;
}

function ChoiceSetting({ choices, names, unset, value, effective, onSet, ...rest }: ChoiceSettingProps) {
  const t = useT(messages);
  const usual = typeof effective === 'string' && value === undefined ? ` (${effective})` : '';
  return (
    <Setting {...rest}>
      {(id) => (
        <select
          id={id}
          className="input"
          disabled={!rest.canEdit}
          value={typeof value === 'string' ? value : ''}
          onChange={({ target }) => {
            onSet(target.value || undefined);
          }}
        >
          <option value="">{unset ?? `${t('as_usual')}${usual}`}</option>
          {choices.map((choice) => (
            <option key={choice} value={choice}>
              {names?.get(choice) ?? choice}
            </option>
          ))}
        </select>
      )}
    </Setting>
  );
}

/** One of the workspace's pages, by the way to it; also one that is named and not to be seen (any more). */
function PageSetting({
  workspaceId,
  ...rest
}: Omit<ChoiceSettingProps, 'choices' | 'names'> & { workspaceId: string }) {
  const pages = usePages(workspaceId).data;
  const t = useT(messages);
  const names = useMemo(() => waysTo(pages ?? [], t('untitled')), [pages, t]);
  const chosen = typeof rest.value === 'string' && rest.value !== '' ? [rest.value] : [];
  return <ChoiceSetting {...rest} names={names} choices={[...new Set([...names.keys(), ...chosen])]} />;
}

interface SettingFrameProps extends Omit<SettingProps, 'value' | 'effective' | 'onSet'> {
  children: (id: string) => ReactNode;
}

function Setting({ label, fault, isCode, children }: SettingFrameProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{isCode ? <code>{label}</code> : label}</label>
      {children(id)}
      {fault !== undefined && <span className="fault">{fault}</span>}
    </div>
  );
}

/** The pages as the tree has them, each by the way to it: `Plans / Launch`. */
function waysTo(pages: readonly Page[], untitled: string): ReadonlyMap<string, string> {
  const way: string[] = [];
  const rows = rowsOf(pages, new Set(pages.map(({ id }) => id)));
  return new Map(
    rows.map(({ page, depth }) => {
      way.splice(depth, way.length, page.title || untitled);
      return [page.id, way.join(' / ')];
    }),
  );
}

function lookUp(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (found, name) =>
      typeof found === 'object' && found !== null ? (found as Record<string, unknown>)[name] : undefined,
    value,
  );
}

function stringsIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}
