// What a call takes and answers, read out of a description's types: a path, a field or an answer that the server does not have is
// an error of the compiler.

export type Method = 'get' | 'post' | 'patch' | 'delete'

/** The methods a described path has. */
export type MethodsOf<Path> = { [M in Method]: M extends keyof Path ? (Path[M] extends object ? M : never) : never }[Method]

type Json<T> = T extends { content: { 'application/json': infer Body } } ? Body : never

type InPath<O> = O extends { parameters: { path: infer Names extends object } } ? { path: Names } : { path?: undefined }
type InQuery<O> = O extends { parameters: { query?: infer Names extends object } } ? { query?: Names } : { query?: undefined }
type InHeader<O> = O extends { parameters: { header: { 'Idempotency-Key': string } } } ? { key: string } : { key?: undefined }
type InBody<O> = O extends { requestBody: infer Body }
  ? { body: Json<Body> }
  : O extends { requestBody?: infer Body extends object } ? { body?: Json<Body> } : { body?: undefined }

/** What an operation takes. `key` is its Idempotency-Key. */
export type Asked<O> = InPath<O> & InQuery<O> & InHeader<O> & InBody<O>

/** What an operation answers when it went well; nothing for 204. */
export type Answer<O> = O extends { responses: infer Statuses }
  ? 204 extends keyof Statuses ? void : Json<Statuses[keyof Statuses & (200 | 201 | 202)]>
  : never
