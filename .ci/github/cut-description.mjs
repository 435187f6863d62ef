// Cuts a published description of the API of GitHub down to the paths that trunkline may ask: cut-description.mjs FROM TO
import { readFileSync, writeFileSync } from 'node:fs'

const REPOSITORY = String.raw`^/repos/\{owner\}/\{repo\}`
const PATHS = [
  /^\/(rate_limit|user|versions|app)$/,
  /^\/app\/installations(\/\{installation_id\}(\/access_tokens)?)?$/,
  new RegExp(`${REPOSITORY}(/installation)?$`),
  new RegExp(`${REPOSITORY}/actions/(runs|workflows|jobs|concurrency_groups)(/|$)`),
  new RegExp(`${REPOSITORY}/deployments(/|$)`),
  new RegExp(`${REPOSITORY}/environments(/\\{environment_name\\}(/deployment[a-z_-]+)?)?$`),
  new RegExp(`${REPOSITORY}/releases(/(\\{release_id\\}|latest|tags/\\{tag\\}))?$`),
  new RegExp(`${REPOSITORY}/(branches|contents|commits|compare)/\\{[a-z]+\\}$`),
  new RegExp(`${REPOSITORY}/git/(ref|refs|tags)(/|$)`),
]

const [from, to] = process.argv.slice(2)
const whole = JSON.parse(readFileSync(from, 'utf8'))
const { openapi, info, servers } = whole
const cut = { openapi, info: { title: info.title, version: info.version }, servers, paths: {}, components: {} }

// Takes a part over without its examples, and all that it refers to.
function taken(part) {
  if (Array.isArray(part)) return part.map(taken)
  if (part === null || typeof part !== 'object') return part
  if (typeof part.$ref === 'string') takeOver(part.$ref.slice(2).split('/'))
  const kept = Object.entries(part).filter(([name, value]) => !isExample(name, value) && !name.startsWith('x-'))
  return Object.fromEntries(kept.map(([name, value]) => [name, taken(value)]))
}

// A property of that name is none.
function isExample(name, value) {
  return name === 'examples' || (name === 'example' && !value?.type)
}

function takeOver([, kind, name]) {
  cut.components[kind] ??= {}
  if (cut.components[kind][name]) return
  // What refers to itself ends here.
  cut.components[kind][name] = {}
  cut.components[kind][name] = taken(whole.components[kind][name])
}

// A name that the body of a request may not have is a mistake, also where the description leaves it open.
function strict(operation) {
  const schema = operation.requestBody?.content?.['application/json']?.schema
  if (schema?.properties) schema.additionalProperties ??= false
  return operation
}

for (const [path, operations] of Object.entries(whole.paths)) {
  if (!PATHS.some((wanted) => wanted.test(path))) continue
  const kept = Object.entries(taken(operations)).map(([method, operation]) => [method, strict(operation)])
  cut.paths[path] = Object.fromEntries(kept)
}
// The description calls it one time, and its own text tells of ranges such as `>=2026-11-27T05:00:00Z`.
delete cut.components.parameters.created.schema.format
writeFileSync(to, JSON.stringify(cut))
