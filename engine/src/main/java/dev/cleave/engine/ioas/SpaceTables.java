package dev.cleave.engine.ioas;

/**
 * What can be done to the tables of a space, all of them alike, and leaves the space as it is: no
 * area changes, and no limit of later leaves. Had by {@link IoAddressSpace#inTables}.
 *
 * <p>Thread-safe as the space is.
 */
public final class SpaceTables {
  private final LeafFitter fitter;
  private final LeafResizer resizer;
  private final AreaRenewer renewer;

  SpaceTables(SpaceState state, LeafFitter fitter) {
    this.fitter = fitter;
    resizer = new LeafResizer(state, fitter);
    renewer = new AreaRenewer(state);
  }

  /**
   * Makes leaves smaller that are there, and limits none that come: a later {@link
   * IoAddressSpace#adjust} may undo it.
   *
   * @param iova first address, a multiple of 4096 and of the alignment
   * @param length bytes, likewise and positive
   * @param log2 logarithm of the largest leaf that may remain, 12 to {@link
   *     IoAddressSpace#UNLIMITED}
   * @return bytes that are mapped
   * @throws IoasException ENOENT where no area is; EINVAL, EOVERFLOW for a range or size that is
   *     none; ENOMEM: nothing has changed
   */
  public long split(long iova, long length, int log2) {
    return resizer.split(iova, length, log2);
  }

  /**
   * Makes leaves larger in a range, and none around it, as far as rules and areas allow.
   *
   * @param iova first address, a multiple of 4096 and of the alignment
   * @param length bytes, likewise and positive
   * @param log2 logarithm of the largest leaf to make, 12 to {@link IoAddressSpace#UNLIMITED}
   * @return bytes that are mapped
   * @throws IoasException ENOENT where no area is; EINVAL, EOVERFLOW for a range or size that is
   *     none
   */
  public long merge(long iova, long length, int log2) {
    return resizer.merge(iova, length, log2);
  }

  /**
   * Has tables show where memory lies now, for backings that no longer say of a range what they
   * said when it was mapped. It is taken out, flushed and mapped again: meanwhile it does not
   * translate.
   *
   * @param iova first address, a multiple of 4096 and of the alignment
   * @param length bytes, likewise and positive
   * @throws IoasException EINVAL, EOVERFLOW for a range that is none; ENOMEM when leaves at the
   *     ends cannot be split: nothing has changed. What a backing says where memory is missing, and
   *     ENOMEM where it now lies in smaller pieces: nothing of the range translates then, until the
   *     call is made again and returns
   */
  public void renew(long iova, long length) {
    renewer.renew(iova, length);
  }

  /**
   * Refuses what {@link IoAddressSpace#adjust} would refuse now, and changes nothing.
   *
   * @param iova first address, a multiple of 4096 and of the alignment
   * @param length bytes, likewise and positive
   * @throws IoasException as that
   */
  public void checkAdjust(long iova, long length) {
    fitter.checkAdjust(iova, length);
  }
}
