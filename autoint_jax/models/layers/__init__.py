"""The layers that models share: tables, embeddings, linear terms, networks, dropout."""
