"""Where rows come from: .xdf files, text, Parquet and ORC, Arrow and pandas objects."""
