"""The public interface of Python programs: runs that are trained, loaded, and asked for scores and explanations."""
