// Uploads a file with the stock tus client, and prints what happens, a JSON object a line.
//
// Takes one argument, JSON: {endpoint, uploadUrl, token, file, name, chunkSize, withCreation, endAt}. With
// `endAt` the upload is ended (termination) when so many bytes were accepted.
import { createReadStream, statSync } from "node:fs";
import { Upload } from "tus-js-client";

const { endpoint, uploadUrl, token, file, name, chunkSize, withCreation, endAt } = JSON.parse(process.argv[2]);
const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

const upload = new Upload(createReadStream(file), {
  endpoint,
  uploadUrl,
  chunkSize,
  uploadSize: statSync(file).size,
  uploadDataDuringCreation: withCreation,
  retryDelays: Array(400).fill(250),
  headers: { Authorization: `Bearer ${token}` },
  metadata: { filename: name, filetype: "application/x-anything" },
  onShouldRetry: (error) => {
    say({ event: "retry", status: error.originalResponse?.getStatus() ?? null });
    return true;
  },
  onChunkComplete: (_, accepted) => {
    say({ event: "accepted", accepted, url: upload.url });
    if (endAt && accepted >= endAt) upload.abort(true).then(() => say({ event: "ended", url: upload.url }));
  },
  onError: (error) => {
    say({ event: "error", message: String(error) });
    process.exitCode = 1;
  },
  onSuccess: ({ lastResponse }) =>
    say({ event: "done", url: upload.url, file: lastResponse.getHeader("Upload-File-Id") }),
});
upload.start();
