# data.sh: a small nnU-Net folder of four cases, all generated: sourced by the tests that need one.
make="$build/tests/make_nifti"
make_data() { # DIR
    mkdir -p "$1/imagesTr" "$1/labelsTr"
    "$make" "$1/imagesTr/ct_0000.nii.gz" dim=61,50,37 sform=-1,0,0,30,0,-1,0,20,0,0,2,5 zoom=1,1,2
    "$make" "$1/labelsTr/ct.nii.gz" dim=61,50,37 type=2 label=3 sform=-1,0,0,30,0,-1,0,20,0,0,2,5 zoom=1,1,2
    "$make" "$1/imagesTr/mr_0000.nii.gz" dim=30,44,28 type=16 sform=0,0,-1.2,4,-1,0.02,0,7,0.02,1,0,9
    "$make" "$1/labelsTr/mr.nii.gz" dim=30,44,28 type=64 label=200 sform=0,0,-1.2,4,-1,0.02,0,7,0.02,1,0,9
    "$make" "$1/imagesTr/pet_0000.nii" dim=90,70,12 type=512 slope=0.25 inter=-7 big=1
    "$make" "$1/labelsTr/pet.nii.gz" dim=90,70,12 type=4 label=1
    "$make" "$1/imagesTr/us_0000.hdr" dim=40,33,25 type=2 version=1
    "$make" "$1/labelsTr/us.nii.gz" dim=40,33,25 type=256 label=2
}
