"""The studio: describe somebody, choose among portraits, go on from the one you like.

Every page has an address that holds all of its state: a *wish* (words, changes by hand, the first seed) for a gallery,
a share code for a portrait. So the browser's own Back works, and so does a bookmark.

- `wishes`: addresses to wishes, wishes to conditions;
- `board`: draws wishes and codes, each once;
- `speech`: conditions as words, for chips and for those who cannot see the pictures;
- `album`: history and favourites, in one small file;
- `verbs`: going on from a portrait;
- `shapes`: round pictures, sheets, archives;
- `pages`, `portrait`, `files`, `picking`: what the browser asks for.
"""
