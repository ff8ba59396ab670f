"""The tables, figures and ablations of the paper: what is asked, the runs that are missing, ours beside the published figure."""
