"""
Layouts whose flow turns at one op or module, the latent: a U or an L, as autoencoders and U-Nets are usually drawn.

`split` sorts the nodes into those before the latent, the latent itself and those after it, and splits the groups that
reach over two of these parts. `part` lays each part out by itself (`compound`) and can move or stretch the result.
`turned` places the parts beside each other, stretches the shorter column until skip connections run straight across, and
routes the other edges between the parts. The result replaces that of `compound` for `engine`.
"""
