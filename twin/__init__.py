"""The core of citytwin and its front door: vocabulary, database, catalogue, query core, server and viewer."""
