"""Files as microscopes write them: CZI, ND2 and LIF, each by the library of its kind (extra ``bio``)."""
