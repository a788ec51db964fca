// A user's program on tus-js-client: it uploads a bundle and resumes after errors. Run by `tests.tus_clients.clients`.
//
// Its argument is JSON: `endpoint`, `file` and any of `headers` (of every request), `chunk_size`, `metadata`, `storage` (a
// file that keeps the URL of the upload for the next start), `read_as` (`file`, `buffer`, or `stream`, whose length is
// deferred), `protocol`, `data_with_creation` and `terminate` (the URL of an upload to terminate instead). It prints the URL
// of the upload, and the `Link` and the body of the last answer, as JSON.

const fs = require('node:fs')
const { PassThrough } = require('node:stream')
const tus = require('tus-js-client')

const RETRIES = 300
const RETRY_MILLISECONDS = 200

function input(options) {
  if (options.read_as === 'buffer') return fs.readFileSync(options.file)
  const file = fs.createReadStream(options.file)
  return options.read_as === 'stream' ? file.pipe(new PassThrough()) : file
}

function settings(options) {
  return {
    endpoint: options.endpoint,
    headers: options.headers ?? {},
    retryDelays: Array(RETRIES).fill(RETRY_MILLISECONDS),
    uploadLengthDeferred: options.read_as === 'stream',
    uploadDataDuringCreation: Boolean(options.data_with_creation),
    ...(options.metadata && { metadata: options.metadata }),
    ...(options.chunk_size && { chunkSize: options.chunk_size }),
    ...(options.protocol && { protocol: options.protocol }),
    ...(options.storage && { urlStorage: new tus.FileUrlStorage(options.storage) }),
  }
}

async function upload(options) {
  const answer = await new Promise((resolve, reject) => {
    const upload = new tus.Upload(input(options), {
      ...settings(options),
      onSuccess: ({ lastResponse }) => resolve({ url: upload.url, last: lastResponse }),
      onError: reject,
    })
    upload.findPreviousUploads().then(([previous]) => {
      if (previous) upload.resumeFromPreviousUpload(previous)
      upload.start()
    }, reject)
  })
  return { url: answer.url, link: answer.last.getHeader('Link') ?? null, body: answer.last.getBody() }
}

async function main(options) {
  if (options.terminate) await tus.Upload.terminate(options.terminate)
  else process.stdout.write(JSON.stringify(await upload(options)))
}

main(JSON.parse(process.argv[2])).catch((error) => {
  process.stderr.write(`${error}\n`)
  process.exitCode = 1
})
