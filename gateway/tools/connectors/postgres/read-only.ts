import { hasSqlDetails, loadModule, parseSync } from 'libpg-query';
import { GatehouseError } from '../../../config/index.ts';
import { computing } from './functions.ts';

/** The parts that a query may be made of, by the names of Postgres' parse tree. */
const parts = new Set(
  [
    'SelectStmt ResTarget ColumnRef A_Star A_Const A_Expr A_ArrayExpr A_Indirection A_Indices BoolExpr BooleanTest',
    'NullTest CaseExpr CaseWhen CoalesceExpr MinMaxExpr RowExpr TypeCast TypeName CollateClause SQLValueFunction FuncCall',
    'NamedArgExpr SubLink RangeVar RangeSubselect RangeFunction JoinExpr CommonTableExpr SortBy WindowDef GroupingSet',
    'GroupingFunc List String Integer Float Boolean BitString',
  ].flatMap((line) => line.split(' ')),
);
/** Fields that hold a part without saying its name. `intoClause` is none of them: it makes a table. */
const inner = new Set('larg rarg withClause alias typeName over ival fval boolval sval bsval'.split(' '));

const longest = 20_000;
const oneStatement = 'Write exactly one statement.';

type Node = Record<string, unknown>;

/**
 * Takes a text for what it is by Postgres' own parser, and lets through one query that only reads: no other statement, no
 * writing CTE, INTO, lock or parameter, no catalogue of the server, no function but those that compute and those of the file.
 * The transaction and the role hold the same once more.
 * @param functions names of the tool's file
 * @returns the query without what stands around it, such as a last semicolon
 * @throws GatehouseError `GH-TOOLS-050` that says what to write instead
 */
export async function readOnlyQuery(sql: string, functions: readonly string[] = []): Promise<string> {
  if (sql.length > longest || sql.includes('\0')) throw refused('It is too long, or holds a NUL character.');
  if (sql.trim() === '') throw refused(oneStatement);
  await loadModule();
  let statements;
  try {
    statements = parseSync(sql).stmts ?? [];
  } catch (error) {
    throw refused(hasSqlDetails(error) ? `${error.message}.` : 'It is no SQL.');
  }
  const [only, another] = statements;
  if (!only || another) throw refused(oneStatement);
  const { stmt, stmt_location: from = 0, stmt_len: length = 0 } = only;
  if (!stmt || !('SelectStmt' in stmt)) throw refused('Write a SELECT; nothing else is run.');
  check(stmt, functions);
  // The parser counts bytes; a length of zero means up to the end.
  const bytes = Buffer.from(sql, 'utf8');
  return bytes
    .subarray(from, length === 0 ? bytes.length : from + length)
    .toString('utf8')
    .trim();
}

/** Walks a named part: `{ FuncCall: { … } }`. Two empty objects stand for "not given". */
function check(node: Node, functions: readonly string[]): void {
  const [name, ...more] = Object.keys(node);
  if (name === undefined) return;
  if (more.length > 0 || !parts.has(name)) throw refused(`A query may not hold ${said[name] ?? name}.`);
  const fields = node[name] as Node;
  if (name === 'FuncCall') checkFunction(fields, functions);
  if (name === 'RangeVar') checkTable(fields);
  if (name === 'A_Expr') checkOperator(fields);
  checkFields(fields, functions);
}

function checkFields(fields: Node, functions: readonly string[]): void {
  for (const [field, value] of Object.entries(fields)) {
    if (Array.isArray(value)) for (const item of value) check(item as Node, functions);
    else if (typeof value === 'object' && value !== null) {
      // The name of a part begins with a capital, that of a field never does.
      if (/^[A-Z]/.test(Object.keys(value)[0] ?? '')) check(value as Node, functions);
      else if (inner.has(field)) checkFields(value as Node, functions);
      else throw refused(`A query may not hold ${said[field] ?? field}.`);
    }
  }
}

/** What the parser's names are called where a person would not know them. */
const said: Record<string, string> = {
  InsertStmt: 'an INSERT',
  UpdateStmt: 'an UPDATE',
  DeleteStmt: 'a DELETE',
  MergeStmt: 'a MERGE',
  intoClause: 'an INTO, which makes a table',
  LockingClause: 'a lock such as FOR UPDATE',
  ParamRef: 'a parameter such as $1',
};

function checkFunction({ funcname }: Node, functions: readonly string[]): void {
  const path = names(funcname);
  const name = path.join('.');
  const own = path[0] === 'pg_catalog' ? path[1] : path.length === 1 ? name : undefined;
  if ((own !== undefined && path.length <= 2 && computing.has(own)) || functions.includes(name)) return;
  throw refused(
    `The function ${name} is not among those that only compute.`,
    'Do without it, or let an administrator list it under connector.functions of the tool’s file, if it only reads.',
  );
}

function checkTable(range: Node): void {
  const {
    schemaname: schema = '',
    relname: table = '',
    catalogname,
  } = range as Partial<Record<string, string>>;
  if (catalogname !== undefined || /^pg_/.test(schema) || (schema === '' && /^pg_/.test(table)))
    throw refused('The server’s own catalogue is not read; information_schema says which tables there are.');
}

function checkOperator({ name }: Node): void {
  const path = names(name);
  if (path.length > 1 && path[0] !== 'pg_catalog') throw refused('An operator is written by its sign alone.');
}

const names = (list: unknown): string[] =>
  (list as { String: { sval?: string } }[]).map(({ String: { sval = '' } }) => sval);

function refused(what: string, next = 'Write one SELECT that only reads.'): GatehouseError {
  return new GatehouseError('GH-TOOLS-050', `The query is not run. ${what}`, {
    status: 422,
    field: 'sql',
    next,
  });
}
