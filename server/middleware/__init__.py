"""What every HTTP request passes before its handler: pure ASGI, a file a duty. WebSockets pass untouched."""
