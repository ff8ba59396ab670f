"""The tables, figures and ablations of the paper: missing runs are trained and compared with published figures."""
