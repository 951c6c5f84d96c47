"""TorchScript archives: networks that bring their own program.

What is held: the archive has the layout that ``torch.jit.save`` writes and nothing else (`layout`); its weights lie
inside of their files (`weights`); its source text holds nothing that would run while it is loaded (`source`); the
loaded program calls nothing but operators on a list (`operators`); and it is loaded and called for the first time
in a process of its own, with limits of memory and time (`examining`).
"""
