"""What stands behind the ports of `agents`: the server's own ways to documents, files and mails."""
