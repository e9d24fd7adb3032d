"""The service: pictures for apps over HTTP, `konomi serve`.

A request goes through `door` (who may ask, and the log), `pictures` or `lists` (the addresses), `commission` (what an
address or a body asks for), and the easel (`konomi.web.easel`). `document` describes all of it as OpenAPI, `replies`
has the shapes and headers of what is sent, `problems` what goes wrong; `running` starts and stops the processes.
"""
