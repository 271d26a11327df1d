// One file on its way to the bucket: as one PUT, or, when large, in parts, with pause and resume.
import { backend, put, Refusal } from './backend.js'

const LARGE = 10 * 1024 * 1024
const PARTS_AT_ONCE = 3
const ATTEMPTS = 4

const sum = (numbers) => [...numbers].reduce((total, number) => total + number, 0)

const rest = (milliseconds, signal) => new Promise((resolve, reject) => {
  const timer = setTimeout(resolve, milliseconds)
  signal.addEventListener('abort', () => { clearTimeout(timer); reject(signal.reason) }, { once: true })
})

export class Upload {
  state = 'waiting' // waiting, sending, checking, paused, failed, done, cancelled
  sent = 0
  error = null
  #control = new AbortController()
  #running = null
  #moving = new Map() // part number: bytes under way

  // objectKey: of an upload in parts that was begun before, which goes on
  constructor(file, onChange, objectKey = null) {
    this.file = file
    this.objectKey = objectKey
    this.inParts = objectKey !== null || file.size > LARGE
    this.onChange = onChange
  }

  get active() { return ['waiting', 'sending', 'checking'].includes(this.state) }

  // One run ends before the next begins.
  async run() {
    if (this.state !== 'waiting') return
    this.#become('sending')
    this.#running = this.#go(this.#running, this.#control.signal)
    await this.#running
  }

  async #go(earlier, signal) {
    await earlier
    try {
      signal.throwIfAborted()
      await (this.inParts ? this.#sendParts(signal) : this.#sendWhole(signal))
      this.#become('checking')
      await backend.confirm(this.objectKey, signal)
      this.sent = this.file.size
      this.#become('done')
    } catch (error) {
      if (!signal.aborted) this.#fail(error)
    }
  }

  // What the bucket has of it stays there. Whoever calls this has it run again by and by.
  wait() {
    this.#control = new AbortController()
    this.error = null
    this.#become('waiting')
  }

  pause() { this.#stop('paused') }

  async cancel() {
    this.#stop('cancelled')
    await this.#running // which may be about to learn its key
    if (this.objectKey) await backend.abort(this.objectKey).catch(() => {}) // else it expires
  }

  async #sendWhole(signal) {
    if (this.objectKey) backend.abort(this.objectKey).catch(() => {}) // of an attempt that failed
    this.objectKey = null
    const { objectKey, url, headers } = await backend.begin(this.file)
    this.objectKey = objectKey
    signal.throwIfAborted()
    await put(url, this.file, { headers, signal, onProgress: (sent) => this.#progress(sent) })
  }

  // Each round asks which parts the bucket lacks: after a lost part, an expired link, a pause or a reload alike.
  async #sendParts(signal) {
    this.objectKey ??= (await backend.beginMultipart(this.file)).objectKey
    for (let attempt = 1; ; attempt++) {
      const missing = await backend.missingParts(this.objectKey, signal)
      const there = this.file.size - sum(missing.map((part) => part.size))
      this.#moving.clear()
      this.#progress(there)
      if (missing.length === 0) return
      try {
        await this.#sendRound(missing, there, signal)
      } catch (error) {
        if (signal.aborted || !error.passing || attempt === ATTEMPTS) throw error
        await rest(500 * 2 ** attempt, signal)
      }
    }
  }

  // After a part that fails no further one begins, but those under way may arrive.
  async #sendRound(missing, there, signal) {
    const queue = [...missing]
    const send = async () => {
      for (let part; (part = queue.shift());) {
        const { partNumber, url, start, size } = part
        await put(url, this.file.slice(start, start + size), {
          signal,
          onProgress: (sent) => {
            this.#moving.set(partNumber, sent)
            this.#progress(there + sum(this.#moving.values()))
          },
        }).catch((error) => {
          queue.length = 0
          throw error
        })
      }
    }
    const ends = await Promise.allSettled(Array.from({ length: PARTS_AT_ONCE }, send))
    const failed = ends.find(({ status }) => status === 'rejected')
    if (failed) throw failed.reason
  }

  #stop(state) {
    if (this.state === 'done') return
    this.#control.abort(new DOMException(state, 'AbortError'))
    this.#become(state)
  }

  #fail(error) {
    this.error = error instanceof Refusal ? error : new Refusal(`Something went wrong: ${error.message}`)
    if (!this.inParts) this.sent = 0
    this.#become('failed')
  }

  #progress(sent) {
    this.sent = Math.min(sent, this.file.size)
    this.onChange(this)
  }

  #become(state) {
    this.state = state
    this.onChange(this)
  }
}
