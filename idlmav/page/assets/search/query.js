// The grammar of a search, as idlmav/search/query.py reads it: words, /regular expressions/i and conditions such as params>1M, joined by &, |, ! and ( ).

import constants from "../../../scene/constants.json" with { type: "json" };
import { nearest } from "./nearest.js";

// Names of fields in a query, and the field that each means.
const FIELDS = constants.query_fields;
export const NUMERIC = new Set(Object.keys(constants.metrics));
const COMMON_FIELDS = "params, flops, bytes, op, category, class, path, shape, dtype, status";
const CONDITION = /^([A-Za-z_]\w*)\s*(>=|<=|==|!=|=|>|<|~)\s*(.*)$/s;
const NUMBER = /^(-?[\d_,]*\.?\d+(?:e[+-]?\d+)?)\s*([kmgt]?)(i?)(b|flops|macs|)$/i;
const FACTORS = {"": 0, k: 1, m: 2, g: 3, t: 4};

export class QueryError extends Error {}

// {kind: "and" | "or", parts}, {kind: "not", part}, {kind: "text", text}, {kind: "regex", regex},
// {kind: "condition", name, field, operator, value}, or null if nothing is asked. Throws QueryError with what is wrong.
export function parse(query) {
  const reader = {query, at: 0};
  const found = either(reader);
  if (reader.at < query.length) throw new QueryError("Unmatched ')'.");
  return found;
}

function either(reader) {
  return list(reader, "|", "or", () => list(reader, "&", "and", () => one(reader)));
}

// An operator without an operand is ignored: the query is still being typed.
function list(reader, sign, kind, read) {
  const parts = [];
  do {
    const part = read();
    if (part !== null) parts.push(part);
  } while (take(reader, sign));
  return parts.length > 1 ? {kind, parts} : parts[0] ?? null;
}

function one(reader) {
  if (take(reader, "!")) {
    const part = one(reader);
    if (part === null) throw new QueryError("Expected a term after '!'.");
    return {kind: "not", part};
  }
  if (take(reader, "(")) {
    const part = either(reader);
    if (!take(reader, ")")) throw new QueryError("'(' was never closed.");
    return part;
  }
  const text = term(reader);
  return text === "" ? null : condition(text) ?? pattern(text) ?? {kind: "text", text: unquoted(text).toLowerCase()};
}

function take(reader, sign) {
  const rest = reader.query.slice(reader.at);
  const start = rest.length - rest.trimStart().length;
  if (rest[start] !== sign) return false;
  reader.at += start + 1;
  return true;
}

// Read up to the next operator; quotes and regular expressions may contain operators, and cat() or (1, 64) brackets.
function term(reader) {
  const {query, at} = reader;
  let [open, fresh, end] = [0, true, at];
  for (; end < query.length; end++) {
    const char = query[end];
    if (fresh && "'\"/".includes(char)) end = closing(query, end);
    else if (open === 0 && "&|)".includes(char)) break;
    else open += char === "(" ? 1 : char === ")" ? -1 : 0;
    if (char.trim() !== "") fresh = "=<>~".includes(char);
  }
  reader.at = end;
  return query.slice(at, end).trim();
}

// Index at which a quoted text or regular expression ends. One without an end: its start for a quote, the last character else.
function closing(query, start) {
  for (let end = start + 1; end < query.length; end++) {
    if (query[end] === "\\") end++;
    else if (query[end] === query[start]) return end;
  }
  return query[start] === "/" ? query.length - 1 : start;
}

function condition(text) {
  const [, name, operator, written] = CONDITION.exec(text) ?? [];
  if (name === undefined) return null;
  const field = Object.hasOwn(FIELDS, name.toLowerCase()) ? FIELDS[name.toLowerCase()] : undefined;
  if (field === undefined) {
    throw new QueryError(`There is no field '${name}'.${nearest(name, Object.keys(FIELDS))} Fields: ${COMMON_FIELDS}.`);
  }
  const found = {kind: "condition", name: name.toLowerCase(), field, operator: operator === "=" ? "==" : operator};
  if (NUMERIC.has(field)) return {...found, value: number(name, field, operator, written)};
  if (operator !== "~" && !operator.includes("=") || operator === ">=" || operator === "<=") {
    throw new QueryError(`${name} is a text: compare it with ==, != or ~ (contains), not with ${operator}.`);
  }
  if (written === "") throw new QueryError(`Expected a text after '${operator}'.`);
  return {...found, value: unquoted(written), regex: pattern(written)?.regex ?? null};
}

function number(name, field, operator, text) {
  const [, digits, prefix, binary, unit] = NUMBER.exec(text) ?? [];
  if (operator === "~") throw new QueryError(`${name} is a number: compare it with ==, !=, <, <=, > or >=, not with ~.`);
  if (digits === undefined) throw new QueryError(`Expected a number after '${operator}', as in ${name}>1M${text && `, got '${text}'`}.`);
  const billions = unit.toLowerCase() === "b" && prefix === "" && field !== "activation_bytes";
  const factor = billions ? 1e9 : (binary ? 1024 : 1000) ** FACTORS[prefix.toLowerCase()];
  return Number(digits.replace(/[_,]/g, "")) * factor;
}

// A regular expression without a closing slash is still being typed and ends with the text.
function pattern(text) {
  if (text[0] !== "/" || text.length < 2) return null;
  const end = closing(text, 0);
  const whole = text[end] === "/" && end > 0;
  const [source, flags] = whole ? [text.slice(1, end), text.slice(end + 1)] : [text.slice(1), ""];
  if (flags.replace("i", "").trim() !== "") throw new QueryError(`Expected i or nothing after /${source}/, got '${flags.trim()}'.`);
  try {
    return {kind: "regex", regex: new RegExp(source, flags.trim())};
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new QueryError(`Not a regular expression: ${error.message.split(": ").at(-1).toLowerCase()}.`);
  }
}

function unquoted(text) {
  return text.length > 1 && "'\"".includes(text[0]) && text.at(-1) === text[0] ? text.slice(1, -1) : text;
}
