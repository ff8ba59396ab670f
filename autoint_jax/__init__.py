"""AutoInt in JAX: self-attentive feature interactions for click-through-rate prediction (Song et al., CIKM 2019)."""
