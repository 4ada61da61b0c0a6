// A peer without a store: `node node_server.mjs y-websocket|hocuspocus`; prints its port, ends with its input.
import { createServer } from 'node:http'

const HOST = '127.0.0.1'

async function serveYWebsocket () {
  const { WebSocketServer } = await import('ws')
  const { default: { setupWSConnection } } = await import('y-websocket-server/bin/utils')
  const server = createServer()
  new WebSocketServer({ server }).on('connection', (socket, request) => setupWSConnection(socket, request))
  await new Promise(resolve => { server.listen(0, HOST, resolve) })
  return server.address().port
}

async function serveHocuspocus () {
  const { Server } = await import('@hocuspocus/server')
  const server = new Server({ address: HOST, port: 0, quiet: true, stopOnSignals: false })
  await server.listen()
  return server.address.port
}

const port = await { 'y-websocket': serveYWebsocket, hocuspocus: serveHocuspocus }[process.argv[2]]()
process.stdout.write(`${port}\n`)
process.stdin.on('end', () => process.exit(0)).resume()
