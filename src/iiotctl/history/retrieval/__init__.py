"""What a historian gives back for a tag and a range: as recorded, interpolated, or thinned for a drawing."""
