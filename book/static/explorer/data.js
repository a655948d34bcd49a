// A run writes here what its page to explore shows; see boneage_lib/report/explorer.py.
