"""Transfer: export of sessions to JSON Lines, and import from JSON Lines or from the Redis keys of other packages.

`exporter.export_lines` and `importer.import_lines` are a pair. `readers.read_source` reads the keys of other packages
for `importer.import_snapshots`.
"""
