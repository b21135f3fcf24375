"""n8n workflow templates, generated from the core that the other adapters use.

The files in ``n8n/templates`` are what people import. They are written by this package and compared with
it byte for byte in a test, so that a body in a template is a body that the core would send.

::

    expressions   places in a body that n8n fills in     ─┐
    bodies        request bodies, out of the codecs       ├─ flows/*   one template each ── library
    tables        the core's tables, as JavaScript reads  │            (list, load, export)
    nodes canvas  nodes, sections, notes, layout          │
    robust        the one call that all templates make   ─┘
    scripts/*.js  what Code nodes run; tested with Node

    lint          the rules of a good template, for users' own files too
    gallery       a template library that n8n's editor reads
    commands      ``resayil n8n list | export | check | serve``

**How a template calls the service.** Each file holds the robust call once, as a section of its own canvas
that begins with "Receive the call". An Execute Workflow node calls it by ``$workflow.id``: the workflow
calls itself. So a file imports alone, and its key is chosen once, by a click, in the one HTTP Request node;
n8n offers no way to choose a credential inside a workflow that is pasted into a parameter.

What goes in (``robust.request``): ``url method headers body expect fallback_model max_attempts
retry_budget_seconds credits_per_token language``.

What comes out: ``ok text tool_calls usage credits_estimate error``, then ``model finish_reason attempts``,
and ``reply``, the parsed body, where the call expects no answer of a model.
"""
