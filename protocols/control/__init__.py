"""The Unix socket's messages, pure: JSON-RPC 2.0, one object a line.

`lines` cuts a stream of bytes into lines, `calls` turns a line into a typed call (`params`) or a typed refusal
(`refusals`), `results` are the shapes that go back, `encode` writes them, and `openrpc` describes all of it from the
same tables. Who listens, who may talk and what becomes of a call is no matter here.
"""
