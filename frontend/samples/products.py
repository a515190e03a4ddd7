"""Products of arrays."""

CALLS = """
x @ y
g @ x
x[:3] @ g
g @ g.T
cube @ cube[0].T
cube @ np.swapaxes(cube[:1], 1, 2)
cube @ x
x[:3] @ cube
np.dot(g, x)
np.dot(cube, block)
np.dot(g, 2.0)
x.dot(y)
np.vdot(g, 2 * g)
np.inner(g, x)
np.outer(x, g)
np.tensordot(g, g)
np.tensordot(cube, slab, axes=([0, 2], [1, 0]))
np.tensordot(x, y, axes=0)
np.kron(g, q)
np.cross(q, q[::-1] * 2)
np.linalg.multi_dot([g.T, q, q.T])
np.linalg.matrix_power(q, 5)
np.matmul(g, x)
np.vecdot(g, x)
np.convolve(x, y[:3])
np.convolve(x, y[:3], mode='same')
np.convolve(x[:2], y, mode='valid')
np.correlate(x, y[:3], mode='full')
np.correlate(x[:2], y)
np.correlate(x, y[:3], 'same')
np.einsum('ij,j', g, x)
np.einsum('ij,kj->ik', g, g)
np.einsum('ij,ij->', g, g)
np.einsum('ij->ji', g)
np.einsum('ij->j', g)
np.einsum('ij,ik', g, g)
np.einsum('i...,...i', g, g.T)
np.einsum('ii->i', q)
np.einsum('ii', q)
np.einsum('iij->ji', cube[:, :2])
np.einsum('...ij,...jk->...ik', cube, thin)
np.einsum('ij,jk,kl,l->i', q, q, q, q[0])
np.einsum(g, [0, 1], g.T, [1, 2], [0, 2])
np.einsum('ij,j->ij', g, x, optimize=True)
np.matvec(stack, a[:2])
np.linalg.tensordot(cube, m[:4], axes=([2], [0]))
"""
