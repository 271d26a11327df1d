// What the page asks its backend, and what went wrong in words for the person in front of it.

export class Refusal extends Error {
  // passing: the same may succeed when it is tried again
  constructor(message, { passing = false, code = '' } = {}) {
    super(message)
    this.passing = passing
    this.code = code
  }
}

async function ask(method, path, body, signal) {
  let reply
  try {
    reply = await fetch(path, {
      method,
      signal,
      headers: body ? { 'content-type': 'application/json' } : {},
      body: body && JSON.stringify(body),
    })
  } catch (error) {
    if (signal?.aborted) throw error
    throw new Refusal(navigator.onLine ? 'This site does not answer.' : 'You are offline.', { passing: true })
  }
  const content = await reply.json().catch(() => ({}))
  if (reply.ok) return content
  throw refusedByBackend(reply.status, content)
}

function refusedByBackend(status, { error = '', code = '' }) {
  const passing = status >= 500
  if (/content type/.test(error)) return new Refusal('Files of this type are not accepted here.', { code })
  if (status === 413) return new Refusal('The file is too large for this site.', { code })
  if (passing) return new Refusal('This site could not do that just now.', { passing, code })
  return new Refusal(error ? `${error[0].toUpperCase()}${error.slice(1)}.` : 'This site refused.', { code })
}

export const backend = {
  files: () => ask('GET', '/files'),
  remove: (id) => ask('DELETE', `/files/${id}`),
  unfinished: () => ask('GET', '/uploads'),
  begin: ({ name, type, size }) => ask('POST', '/uploads', { name, type, size }),
  beginMultipart: ({ name, type, size }) => ask('POST', '/uploads/multipart', { name, type, size }),
  missingParts: (objectKey, signal) => ask('POST', '/uploads/parts', { objectKey }, signal),
  confirm: (objectKey, signal) => ask('POST', '/uploads/confirm', { objectKey }, signal),
  abort: (objectKey) => ask('POST', '/uploads/abort', { objectKey }),
}

// A PUT to the bucket. XMLHttpRequest, since fetch tells no progress of what it sends.
export function put(url, body, { headers = {}, signal, onProgress }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    const stop = () => request.abort()
    signal.throwIfAborted()
    signal.addEventListener('abort', stop, { once: true })
    request.open('PUT', url)
    for (const [name, value] of Object.entries(headers)) {
      if (name !== 'content-length') request.setRequestHeader(name, value) // browsers send that by themselves
    }
    request.upload.onprogress = (event) => onProgress(event.loaded)
    request.onload = () => (request.status < 300 ? resolve() : reject(refusedByBucket(request)))
    request.onerror = async () => reject(await unanswered(url))
    request.onabort = () => reject(signal.reason)
    request.onloadend = () => signal.removeEventListener('abort', stop)
    request.send(body)
  })
}

function refusedByBucket({ status, responseText }) {
  const code = /<Code>(\w+)<\/Code>/.exec(responseText)?.[1] ?? ''
  const words = {
    EntityTooLarge: 'The file is too large for the bucket.',
    PreconditionFailed: 'There is a file under this key already.',
    SignatureDoesNotMatch: 'The bucket refused the file: its type or size is not what was announced.',
    RequestTimeTooSkewed: 'The clocks of the bucket and of this site disagree.',
    NoSuchUpload: 'The bucket does not know this upload any more. Please cancel it, and begin again.',
  }
  if (/expired/i.test(responseText)) return new Refusal('The upload link has expired.', { code: 'Expired', passing: true })
  const passing = status >= 500 || status === 408 || status === 429
  return new Refusal(words[code] ?? `The bucket refused the file (HTTP ${status}${code && `, ${code}`}).`, { code, passing })
}

// Browsers don't tell a page why a request failed, nor what a refusal says that comes without CORS headers (as Ceph sends
// it). The URL tells whether its time is over, and a request without CORS whether anybody answers.
async function unanswered(url) {
  if (!navigator.onLine) return new Refusal('You are offline.', { passing: true })
  if (hasExpired(url)) return new Refusal('The upload link has expired.', { code: 'Expired', passing: true })
  try {
    await fetch(new URL('/', url), { method: 'HEAD', mode: 'no-cors', cache: 'no-store' })
  } catch {
    return new Refusal('The bucket does not answer.', { passing: true })
  }
  return new Refusal(`The bucket did not take the file, and this page may not see why: probably its CORS rules do not let ${location.origin} in.`,
    { code: 'CORS', passing: true })
}

function hasExpired(url) {
  const query = new URL(url).searchParams
  const [, ...parts] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(query.get('X-Amz-Date')) ?? []
  const [year, month, ...rest] = parts.map(Number)
  return Date.now() > Date.UTC(year, month - 1, ...rest) + 1000 * query.get('X-Amz-Expires')
}
